// Counts the objects of each class that rt_seg finds; without a master it says what it would listen to.
#include <map>
#include <string>

#include <ros/ros.h>
#include <rt_seg/GetObjects.h>
#include <rt_seg/SegmentedObjects.h>

void count(const rt_seg::SegmentedObjects::ConstPtr& message) {
  std::map<std::string, int> counts;
  for (const rt_seg::SegmentedObject& object : message->objects) ++counts[object.class_name];
  for (const auto& entry : counts) ROS_INFO("%d %s", entry.second, entry.first.c_str());
}

int main(int argc, char** argv) {
  ros::init(argc, argv, "count_objects");
  if (!ros::master::check()) {
    std::printf("C++: %s, md5 %s\n", ros::message_traits::datatype<rt_seg::SegmentedObjects>(),
                ros::message_traits::md5sum<rt_seg::SegmentedObjects>());
    return 0;
  }
  ros::NodeHandle node;
  ros::Subscriber subscriber = node.subscribe("segmentation/objects", 1, count);
  ros::spin();
  return 0;
}
